"""The app: a page in the browser, and the server behind it that computes."""
