"""The doors: the command line now; HTTP and the dashboard call the same actions later."""
