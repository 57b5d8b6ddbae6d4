"""Every label, annotation and finalizer key that the platform writes or reads."""

from typing import Final

# Labels of function pods, their Deployments, Services and EndpointSlices.
EXECUTOR_TYPE: Final = "executorType"
ENVIRONMENT_NAME: Final = "environmentName"
ENVIRONMENT_NAMESPACE: Final = "environmentNamespace"
ENVIRONMENT_UID: Final = "environmentUid"
FUNCTION_NAME: Final = "functionName"
FUNCTION_NAMESPACE: Final = "functionNamespace"
FUNCTION_UID: Final = "functionUid"
MANAGED: Final = "managed"
"""``"true"`` on a generic pod of a pool, ``"false"`` once a function claimed it."""
POOL_EXTRA: Final = "fission.io/pool-extra"
"""``"true"`` on a pod that was made beyond the pool's size, for a request in line."""
OCI_IMAGE_HASH: Final = "ociImageHash"
ENV_RUNTIME_HASH: Final = "fission.io/env-runtime-hash"
FUNCTION_GENERATION: Final = "fission.io/function-generation"
FUNCTION_VERSION: Final = "fission.io/function-version"
SERVED: Final = "fission.io/served"
"""``"true"`` while a specialized pod takes requests; removed first when it is drained."""
PROVISIONED: Final = "fission.io/provisioned"
MANAGED_BY: Final = "fission.io/managed-by"
MANAGED_BY_FISSION: Final = "fission"

# Labels of the platform's own pods and Services.
APPLICATION: Final = "application"
APPLICATION_ROUTER: Final = "fission-router"
APPLICATION_STORAGE: Final = "fission-storage"
APPLICATION_CONTROLLER: Final = "fission-api"
APPLICATION_STATESVC: Final = "fission-statesvc"
SVC: Final = "svc"

# Labels of builders.
BUILDER_ENV_NAME: Final = "envName"
BUILDER_ENV_NAMESPACE: Final = "envNamespace"
BUILDER_ENV_RESOURCE_VERSION: Final = "envResourceVersion"
OWNER: Final = "owner"
OWNER_BUILDERMGR: Final = "buildermgr"
BUILD_CACHE: Final = "fission.io/build-cache"
"""Label of the ConfigMap with an environment's build cache; the environment's name."""
WATCH_JOURNAL: Final = "fission.io/watch-journal"
"""Label of the ConfigMap that says how far a watch trigger has come; the trigger's name."""
TRIAL_OF: Final = "fission.io/trial-of"
"""Label of the Package and Function in which new code of a function is tried; its name."""

# Labels of Ingresses and HTTPRoutes.
TRIGGER_NAME: Final = "triggerName"
TRIGGER_NAMESPACE: Final = "triggerNamespace"

# Labels of published versions, namespaces and tenants.
VERSION_FUNCTION_NAME: Final = "fission.io/function-name"
VERSION_FUNCTION_UID: Final = "fission.io/function-uid"
ENABLED: Final = "fission.io/enabled"
KUBERNETES_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
TENANT_CONTROLLER: Final = "fission-tenant-controller"
COMMIT: Final = "commit"
"""Git commit of a spec file (``fission spec apply --commitlabel``)."""

# Annotations of function pods and their owners.
EXECUTOR_INSTANCE_ID: Final = "executorInstanceId"
SERVICE_HOST: Final = "svcHost"
FUNCTION_RESOURCE_VERSION: Final = "functionResourceVersion"
COLD_START: Final = "fission.io/cold-start"
"""JSON, ``contracts.coldstart``: how long the last start took, by step."""
ROUTE_DIGEST: Final = "fission.io/route-digest"
"""On an Ingress or HTTPRoute: what its trigger made it from."""
BUILDER_SPEC_HASH: Final = "fission.io/builder-spec-hash"
AUTH_KEY_SCHEME: Final = "fission.io/auth-key-scheme"
AUTH_KEY_SCHEME_NAMESPACE: Final = "namespace"
SIDECAR_INJECT: Final = "sidecar.istio.io/inject"

# Annotations that people put on our kinds.
CONCURRENCY_ENFORCEMENT: Final = "fission.io/concurrency-enforcement"
CONCURRENCY_ENFORCEMENT_STRICT: Final = "strict"
DISABLE_PACKAGE_AUTO_FOLLOW: Final = "fission.io/disable-package-auto-follow"
NO_BUILD_CACHE: Final = "fission.io/no-build-cache"
"""On a Package: a value that its last build did not see makes the next one skip the cache."""
PACKAGE_DELIVERY: Final = "fission.io/package-delivery"
OUTBOUND: Final = "fission.io/outbound"
"""On an Environment: ``none``, ``ports:443,5432`` or ``open``."""
POD_OUTBOUND: Final = "kubelet/outbound"
"""The same on a pod, for the embedded cluster's kubelet."""
TIMER_MISSED_GRACE: Final = "fission.io/timer-missed-grace"
"""On a TimeTrigger: how late a missed tick may still be fired, as in ``1h``; ``0s`` never."""
CANCEL_REQUESTED: Final = "fission.io/cancel-requested"

# Annotations that buildermgr puts on Packages.
BUILT_WITH: Final = "fission.io/built-with"
"""JSON, ``api.package_builds``: what the last build was made from."""

# Annotations by which ``fission spec`` knows its objects.
DEPLOYMENT_NAME: Final = "fission-name"
DEPLOYMENT_UID: Final = "fission-uid"

# Finalizers.
FUNCTION_CLEANUP: Final = "fission.io/function-cleanup"
STATE_CLEANUP: Final = "fission.io/state-cleanup"
