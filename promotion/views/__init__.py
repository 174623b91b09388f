"""The pages, one function a URL."""
