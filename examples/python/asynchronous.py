"""An asynchronous function that takes the request as a parameter."""

import asyncio


async def main(request):
    await asyncio.sleep(0.01)
    return {"hello": request.args.get("name", "world")}
