"""What can be weighed in a list of mentors, by a mentee or by a programme."""

from services.web.labels import N_

FACTORS = (
    *("topics", "specialty", "stage", "languages", "formats", "time_zone"),
    *("style", "availability", "load", "experience", "identity"),
)
WRONG_NUMBER = N_("Enter a whole number from {least} to {most}.")
MOST_WEIGHT = 100
