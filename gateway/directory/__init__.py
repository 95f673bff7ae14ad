"""People, their identities at providers, their approvals of books, and the key ring: what SQL holds.

ids.py         the ids of people: pure functions of a key
schema.py      the tables
migrations/    how the tables came to be (Alembic), shipped inside the package
kinds.py       what SQLite and PostgreSQL do differently
backup.py      `Backup`: all of it as lines of JSON, and back
database.py    the engine, migrating, and how SQL's errors become ours
cards.py       `Cards`: the cards by which people without e-mail come into a class
classes.py     `Classes`: classes and who is in them
line_items.py  `LineItems`: gradebooks that pages were launched for, and scores that wait for them
platforms.py   `Platforms`: learning platforms that registered themselves
passkeys.py    `Passkeys`: keys that people's devices hold
personal_tokens.py `PersonalTokens`: by which scripts ask in a person's name
identities.py  `Identities`: by which identities at providers a person comes in
guests.py      `Guests`: their return codes
places.py      `Places`: where people have been
participation.py `Participation`: what people answered to studies
belongings.py  which rows are whose, in any table
orders.py      `Orders`: what was decided about people, and who is yet to be told
revocations.py `Revocations`: what ended sessions, and marks
key_ring.py    `KeyRing`: the sealed keys that sign assertions
origin_entries.py `OriginEntries`: since when origins are granted what they are
people.py      `Directory`: what the rest of the house calls
"""

from gateway.directory.cards import Candidate, Card, Cards
from gateway.directory.classes import Class, Classes, Course, Member, OwnClass
from gateway.directory.guests import Guests
from gateway.directory.identities import Identities, Identity
from gateway.directory.key_ring import KeyRing, StoredKey
from gateway.directory.line_items import LineItem, LineItems, Waiting
from gateway.directory.orders import Order, Orders, Receipt
from gateway.directory.origin_entries import OriginEntries
from gateway.directory.passkeys import ListedPasskey, NewPasskey, Passkey, Passkeys
from gateway.directory.people import Approval, Directory, Person
from gateway.directory.personal_tokens import ListedToken, PersonalTokens, Wanted
from gateway.directory.places import Place, Places
from gateway.directory.platforms import Platforms, Registered, Registering
from gateway.directory.revocations import NotedAct, Revocations

__all__ = [
    "Approval",
    "Candidate",
    "Card",
    "Cards",
    "Class",
    "Classes",
    "Course",
    "Directory",
    "Guests",
    "Identities",
    "Identity",
    "KeyRing",
    "LineItem",
    "LineItems",
    "ListedPasskey",
    "ListedToken",
    "Member",
    "NewPasskey",
    "NotedAct",
    "Order",
    "Orders",
    "OriginEntries",
    "OwnClass",
    "Passkey",
    "Passkeys",
    "Person",
    "PersonalTokens",
    "Place",
    "Places",
    "Platforms",
    "Receipt",
    "Registered",
    "Registering",
    "Revocations",
    "StoredKey",
    "Waiting",
    "Wanted",
]
