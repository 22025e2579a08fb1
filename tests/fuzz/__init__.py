"""Whatever strangers may send, to everything that hears them: `make fuzz`, and the corpus that runs begin with."""
