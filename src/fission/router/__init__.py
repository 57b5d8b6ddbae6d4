"""Router: public HTTP → function, and the internal listener that triggers publish to.

Owns: the route table, the endpoints' load as this router sees it, the queue of requests that wait
for a pod. Reads: Functions, HTTPTriggers and the EndpointSlices of functions, through informers.
Writes: the conditions of HTTPTriggers. Serves: `http` and `http-internal`. Calls: the executor when
a function has no pod free, and every few seconds to report use; the functions' pods.

A warm request touches nothing but this process and the pod: no executor, no Kubernetes API, no
task, no JSON. The path of a request: `proxy` (bytes) → `gateway` (which function) → `routetable`
→ `slots` (which pod; `capacity` when none is free) → `upstream` (bytes). It must never buffer an
answer, retry what a function may have seen, or keep state that a restart could not rebuild.
"""
