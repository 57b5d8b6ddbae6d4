"""A process of its own that receives messages, settles the first and holds the others.

Argument: JSON with type, metadata, secret, topic, group, count. It prints the bodies it has, one
JSON list, and waits for its end.
"""

import asyncio
import json
import sys

from fission.mqtrigger.drivers import base, registry


async def main(wanted: dict[str, object]) -> None:
    secret = {key: str(value).encode() for key, value in dict(wanted["secret"]).items()}
    settings = base.Settings(str(wanted["type"]), "", dict(wanted["metadata"]), secret)
    driver = await registry.load(settings.type)(settings)
    subscription = await driver.subscribe(str(wanted["topic"]), str(wanted["group"]))
    print(json.dumps("ready"), flush=True)
    held: list[base.Message] = []
    while len(held) < int(str(wanted["count"])):
        held += await subscription.receive(10, 1.0)
    print(json.dumps([message.body.decode() for message in held]), flush=True)
    await asyncio.Event().wait()


asyncio.run(main(json.loads(sys.argv[1])))
