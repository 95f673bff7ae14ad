"""`python -m backends.storage` is the command `bookgate-storage`."""

from backends.storage.command import main

main()
