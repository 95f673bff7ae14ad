"""The subcommands of `bookgate`: one module each; they read options, call the house and print."""
