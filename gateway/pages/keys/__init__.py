"""What people hold themselves: passkeys, by which they sign in, and tokens for their scripts.

passkey_sign_in    /auth/passkey: in by a passkey
passkey_making     /auth/passkey/new: making one, and the one time that it is offered
tokens             /auth/tokens: making personal tokens, and revoking them
"""
