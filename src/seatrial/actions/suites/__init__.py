"""What the actions on suites share: running a case, reading its stored rows, laying runs side by side."""
