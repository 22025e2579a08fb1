"""What people read, in Russian, Belarusian and English: on the pages, in a terminal, in a file, in an alarm."""
