import sys

from services.profiles import app

app.main(sys.argv[1:])
