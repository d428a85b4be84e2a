"""`python -m services.web`."""

from services.web import app

if __name__ == "__main__":
    app.main()
