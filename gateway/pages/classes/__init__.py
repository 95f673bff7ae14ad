"""The pages of classes: teachers make and keep them, readers join them.

forms.py    what every form of these pages keeps to
codes.py    QR codes, and addresses of ours
shelf.py    /auth/classes: one's classes, making one
room.py     /auth/classes/of/ID: one class, by its teachers and its students
poster.py   /auth/classes/of/ID/poster: the link as a wall shows it
joining.py  /auth/classes/join/CODE: what the teacher will see, and joining
cards.py    what a teacher does with class cards, and the sheet that is printed
wordlists.py the words that cards are made of (words/*.json)
card_sign_in.py /auth/classes/card: in by a card, scanned or typed
"""
