"""`python -m backends.analytics` is the command `bookgate-analytics`."""

from backends.analytics.command import main

main()
