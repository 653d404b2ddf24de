"""The extender's configuration file: what may stand in it, reading it, and one to start from."""
