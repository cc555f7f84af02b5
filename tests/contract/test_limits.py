"""Rate limits as documented: per caller and kind of request, with their headers, and refilled as time passes."""

from dataclasses import replace

from chalicelib.edge import Limit
from tests.contract import over
from tests.contract.conftest import Scene
from tests.contract.documented import Allowance, Documented
from tests.contract.face import Face
from tests.support.client import Client, Reply, token
from tests.support.conformance import conformance

SPENT = 100
"""Limits above this are lowered to it, to save requests. Another test compares the documented number to the headers."""
CREATED = 50
PLANS = ("standard", "free", "pro", "enterprise", "unheard-of")


def figures(reply: Reply) -> tuple[int, int, int]:
    limit, remaining, reset = (int(reply.headers[f"x-ratelimit-{name}"]) for name in ("limit", "remaining", "reset"))
    return limit, remaining, reset


@over.each(over.guarded_endpoints)
def test_every_endpoint_states_its_documented_limit(endpoint: Documented, scene: Scene) -> None:
    caller, allowed = token("admin", subject=endpoint.id, org="penumbra"), scene.face.allowance(endpoint)
    reply = scene.call(endpoint, scene.nowhere(endpoint), by=scene.limited, token=caller)
    assert figures(reply)[:2] == (allowed.limit, allowed.at_once - 1)


@over.faces()
def test_public_endpoints_have_no_limit(shared: Scene) -> None:
    for endpoint in shared.face.endpoints:
        if shared.face.is_public(endpoint):
            assert "x-ratelimit-limit" not in shared.limited.get(shared.url(endpoint)).headers


@over.each(lambda face: face.spenders.items(), "spender", lambda one: one[0])
def test_a_plan_has_its_own_limit(spender: tuple[str, str], scene: Scene) -> None:
    endpoint = scene.face.endpoint(spender[1])
    for plan in PLANS:
        allowed = scene.face.allowance(endpoint, plan)
        reply = scene.send(endpoint, by=scene.limited, token=token(subject=f"planned-{plan}", plan=plan))
        assert figures(reply)[:2] == (allowed.limit, allowed.at_once - 1)


@over.each(lambda face: face.spenders.items(), "spender", lambda one: one[0])
def test_the_limit_is_spent_refused_and_restored(spender: tuple[str, str], scene: Scene) -> None:
    name, endpoint, world = spender[0], scene.face.endpoint(spender[1]), scene.world
    limit, count = capped_allowance(scene.face, endpoint)
    client, caller, window = capped_client(scene), token(subject="spender"), scene.face.window

    def spend(by: str = caller, what: Documented = endpoint) -> Reply:
        return scene.call(what, token=by, by=client)

    now, full_refill = world.clock.now() // 1000, count * (window * 1000 // limit) // 1000
    assert [figures(spend())[1] for _ in range(count)] == list(range(count - 1, -1, -1))

    refused = spend()
    error = scene.face.require_refusal(refused, 429)
    assert figures(refused) == (limit, 0, now + full_refill)
    wait = int(refused.headers["retry-after"])
    assert wait == -(-window // limit), "when the next one is free"
    assert error.message == f"At most {limit} requests per {window} seconds; try again in {wait} seconds"

    assert spend(token(subject="spender", org="umbra")).status < 300, "another tenant is another caller"
    assert spend(token(subject="neighbour")).status < 300
    for other in scene.face.spenders.keys() - {name}:
        assert spend(what=scene.face.endpoint(scene.face.spenders[other])).status < 300, "another bucket"

    world.clock.advance(wait)
    assert spend().status < 300
    world.clock.advance(full_refill)
    assert figures(spend())[1] == count - 1


def capped_allowance(face: Face, endpoint: Documented, most: int = SPENT) -> Allowance:
    """The endpoint's allowance for a `capped_client`."""
    return face.allowance(endpoint) if face.tiers else Allowance(*(min(one, most) for one in face.allowance(endpoint)))


def capped_client(scene: Scene, most: int = SPENT) -> Client:
    """A client of the API with its documented limits, each lowered to `most`."""
    api = scene.face.api
    limits = {name: Limit(min(limit.count, most), limit.seconds) for name, limit in api.limits.items()}
    return Client(replace(api, limits=limits), conformance(api))


@over.faces(where=lambda face: face.submitting)
def test_a_refused_creation_creates_nothing(scene: Scene) -> None:
    post = scene.face.endpoint(scene.face.submitting.post)
    count, caller = capped_allowance(scene.face, post, CREATED).at_once, token(subject="greedy")
    client = capped_client(scene, CREATED)
    statuses = [scene.call(post, token=caller, by=client).status for _ in range(count + 5)]
    assert statuses == [scene.face.status(post)] * count + [429] * 5
    assert sum(task.submitted_by == "greedy" for task in scene.world.tasks()) == count


@over.faces(where=lambda face: not face.refusals_count)
def test_a_request_refused_by_role_or_credential_is_not_counted(shared: Scene) -> None:
    face, user = shared.face, token("user", subject="curious")
    for endpoint in face.guarded_endpoints:
        if "user" not in face.allowed_roles(endpoint):
            face.require_refusal(shared.send(endpoint, by=shared.limited, token=user), 403)
    endpoint = (
        shared.probe() if "user" in face.allowed_roles(shared.probe()) else face.endpoint(face.spenders["default"])
    )
    assert figures(shared.send(endpoint, by=shared.limited, token=user))[1] == face.allowance(endpoint).at_once - 1
    assert "x-ratelimit-limit" not in shared.send(endpoint, by=shared.limited, token="garbage").headers


@over.faces(where=lambda face: face.refusals_count)
def test_a_request_refused_by_permission_is_counted(shared: Scene) -> None:
    face, user = shared.face, token("user", subject="curious")
    refusing = [one for one in face.guarded_endpoints if "user" not in face.allowed_roles(one)]
    remaining = [figures(shared.send(one, by=shared.limited, token=user))[1] for one in refusing[:3]]
    most = face.allowance(refusing[0]).at_once
    assert remaining == [most - 1, most - 2, most - 3]


@over.each(over.with_body)
def test_an_invalid_request_is_counted(endpoint: Documented, shared: Scene) -> None:
    caller, most = token(subject=f"clumsy {endpoint.id}"), shared.face.allowance(endpoint).at_once
    remaining = [figures(shared.send(endpoint, body, by=shared.limited, token=caller))[1] for body in ("[]", "{")]
    assert remaining == [most - 1, most - 2]
