"""How acts on many entities are shown, with what came of each."""

from collections.abc import Sequence

from rich.table import Table

from bridge.console.adapters.cli.frame import safe
from bridge.console.application.follow import Followed
from bridge.console.domain.words import cut


def followed_document(followed: Followed) -> dict[str, object]:
    """Return one for JSON."""
    key = followed.case.key
    return {
        "tenant": key.tenant,
        "flow": key.flow.value,
        "entity": key.entity,
        "act": followed.act_id,
        "fate": followed.fate.value,
        "said": safe(followed.said),
    }


def followed_table(all_of_them: Sequence[Followed]) -> Table:
    """Return them as a table."""
    table = Table("about", "act", "what came of it", "in words")
    for each in all_of_them:
        key = each.case.key
        about = f"{key.tenant}/{key.flow.value}/{key.entity}"
        table.add_row(about, str(each.act_id), each.fate.value, cut(str(safe(each.said))))
    return table
