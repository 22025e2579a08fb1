"""The way from the commands to the daemon: a socket on this machine that its owner alone can use."""
