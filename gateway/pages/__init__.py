"""What people see: sign-in, consent, account and the pages between; server-rendered, strict CSP."""
