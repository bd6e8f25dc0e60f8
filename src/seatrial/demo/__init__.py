"""The demo: predictions of two real models on the Adult census test rows, and a policy; see `SOURCE.md`."""
