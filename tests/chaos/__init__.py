"""The crash harness: real promotions on real services, and something that kills them. docs/reliability.md says how."""
