"""What books call: token, confirm, session, logout, ws-ticket, and the public documents."""
