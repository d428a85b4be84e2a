import sys

from services.matching import app

app.main(sys.argv[1:])
