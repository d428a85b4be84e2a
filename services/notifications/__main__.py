"""`python -m services.notifications [ROLE…]`: without a role, all of them."""

import sys

from services.notifications import app

if __name__ == "__main__":
    app.main(sys.argv[1:])
