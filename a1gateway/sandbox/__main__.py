"""`python -m a1gateway.sandbox`: the same as `a1gateway sandbox`."""

import argparse
import sys

from a1gateway.sandbox.command import add_arguments, run

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="a1gateway sandbox", description=__doc__)
    add_arguments(parser)
    sys.exit(run(parser.parse_args()))
