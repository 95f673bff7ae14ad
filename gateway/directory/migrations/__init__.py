"""How the directory's tables came to be: Alembic's environment and one module a step."""
