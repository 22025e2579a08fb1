"""How the packages are made: the wheel and the source archive by `dist`, the Debian package by `deb`."""
