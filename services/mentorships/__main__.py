"""`python -m services.mentorships [ROLE…]`: without a role, all of them."""

import sys

from services.mentorships import app

if __name__ == "__main__":
    app.main(sys.argv[1:])
