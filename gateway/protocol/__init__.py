"""What books call: token, confirm, session, logout, guest-code, ws-ticket, and the public documents."""
