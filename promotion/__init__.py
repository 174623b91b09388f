"""Promotions of events from one environment to the next."""
