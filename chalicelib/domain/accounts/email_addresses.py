"""When two spellings of an email address are one address."""

import re
import unicodedata

_IGNORED = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
"""What nobody sees though it is no format character: joiners, fillers and variation selectors (Unicode's
Default_Ignorable_Code_Point)."""


def tidied(email: str) -> str:
    """The address as it is kept and shown: in compatible characters (NFKC), without any that nobody sees, and without
    what a domain may end in. Tidying twice changes nothing."""
    seen = without_invisible(unicodedata.normalize("NFKC", email))
    # What was apart before may combine now.
    return without_invisible(unicodedata.normalize("NFKC", seen)).strip().rstrip(".")


def without_invisible(text: str) -> str:
    """The text without the characters that nobody sees."""
    return "".join(one for one in _IGNORED.sub("", text) if unicodedata.category(one) != "Cf")


def key(email: str) -> str:
    """The form in which an email address is one address: nobody tells his case of letters from another's."""
    return kept_key(tidied(email))


def kept_key(email: str) -> str:
    """The key of an address that is kept. It equals `key` of one that was tidied; those of before are as they were."""
    return email.strip().lower()
