"""From the flags of ``route create`` and ``route update`` to the fields of an HTTPTrigger."""

from typing import Any

from fission.api import httptrigger_types, reference_types
from fission.cli import errors, flagvalues, options

_RESET = "-"


def flags(function: Any) -> Any:
    """Flags that create and update share."""
    for decorate in reversed(
        (
            options.string("--url", help="Exact path, or a template such as /users/{id}"),
            options.string("--prefix", help="Path and everything below it"),
            options.boolean("--keepprefix", help="The function sees the prefix"),
            options.strings("--method", help="Method; repeatable", default="GET"),
            options.strings("--function", help="Function to call; twice with --weight"),
            options.integers("--weight", help="Weights of two functions, 100 in all"),
            options.string("--host", help="Deprecated: only for this host"),
            options.boolean("--createingress", help="Deprecated: make an Ingress"),
            options.string("--ingressrule", help="Deprecated: host=path of the Ingress"),
            options.strings("--ingressannotation", help="Deprecated: key=value of the Ingress"),
            options.string("--ingresstls", help="Deprecated: Secret with its certificate"),
            options.string("--route-provider", help="ingress or gateway"),
            options.strings("--route-host", help="Host name of what is made; repeatable"),
            options.string("--route-path", help="Path of what is made"),
            options.strings("--route-annotation", help="key=value of what is made; repeatable"),
            options.string("--route-tls", help="Secret with the certificate"),
            options.strings("--gateway", help="Gateway, name or namespace/name; repeatable"),
            options.strings("--cors-origin", help="Origin that may call it, or *; repeatable"),
            options.strings("--cors-method", help="Method for other origins; repeatable"),
            options.strings("--cors-header", help="Request header they may send; repeatable"),
            options.strings("--cors-expose", help="Response header they may read; repeatable"),
            options.boolean("--cors-credentials", help="They may send cookies"),
            options.string("--cors-max-age", help="How long a preflight is kept, as in 10m"),
        )
    ):
        function = decorate(function)
    return function


def apply_path(spec: httptrigger_types.HTTPTriggerSpec, given: Any) -> str:
    """Set the path, if the router would serve it; what is to be warned of, if anything."""
    if not given.url and not given.prefix:
        raise errors.UsageError("you need to supply either Prefix or URL/RelativeURL")
    warning = ""
    if given.url and given.prefix:
        warning = "Prefix will take precedence over URL/RelativeURL"
    before = spec.prefix or spec.relative_url
    spec.prefix = _absolute(given.prefix or "")
    spec.relative_url = _absolute(given.url or "")
    if before and spec.ingress_config.path == before:
        spec.ingress_config.path = spec.prefix or spec.relative_url
    if "/" in (spec.prefix, spec.relative_url):
        raise errors.UsageError(
            "url with only root path is not allowed",
            why="the router answers / itself, for those who check that it lives",
            remedy="use a longer path, or a --route-path / of an Ingress or Gateway",
        )
    _check_template(spec)
    return warning


def _check_template(spec: httptrigger_types.HTTPTriggerSpec) -> None:
    """Judge the path as the router will: one that it refuses is not written first."""
    path = spec.prefix or spec.relative_url
    if "{" not in path and "}" not in path:
        return
    from fission.api import httptrigger_templates

    try:
        httptrigger_templates.Template(path)
    except httptrigger_templates.TemplateError as error:
        raise errors.CliError(
            f"the router would not serve {path!r}",
            why=error.message,
            remedy="write it as in /users/{id} or /files/{path:.+}",
        ) from error


def apply_methods(spec: httptrigger_types.HTTPTriggerSpec, methods: tuple[str, ...]) -> None:
    """Set the methods, in any case; GET if there is none."""
    chosen = [method.upper() for method in methods] or ["GET"]
    for method in chosen:
        if method not in httptrigger_types.METHODS:
            allowed = ", ".join(httptrigger_types.METHODS)
            raise errors.UsageError(
                f'invalid HTTP method "{method}"', remedy=f"valid values are {allowed}"
            )
    spec.methods = list(dict.fromkeys(chosen))


def apply_function(spec: httptrigger_types.HTTPTriggerSpec, given: Any) -> None:
    """Set what is called: one function, or two by weight."""
    names = given.function or _called(spec)
    if len(names) > 2:
        raise errors.UsageError("--function: one function, or two with --weight")
    if len(names) == 2:
        if len(given.weight) != 2 or sum(given.weight) != 100 or min(given.weight) < 0:
            raise errors.UsageError(
                "two functions need two --weight that are 100 in all",
                remedy=f"as in --function {names[0]} --function {names[1]} --weight 90 --weight 10",
            )
        spec.function_ref = reference_types.FunctionReference(
            type=reference_types.BY_WEIGHT,
            function_weights=dict(zip(names, given.weight, strict=True)),
        )
        return
    if given.weight:
        raise errors.UsageError("--weight needs two --function")
    spec.function_ref = reference_types.FunctionReference(name=names[0])


def apply_exposure(spec: httptrigger_types.HTTPTriggerSpec, given: Any) -> list[str]:
    """Set everything about how the route is shown outside; what is to be warned of."""
    warnings = []
    if given.keepprefix is not None:
        spec.keep_prefix = given.keepprefix
    if given.host is not None:
        warnings.append("--host is deprecated; use --route-host")
        spec.host = given.host
    if given.createingress is not None:
        spec.create_ingress = given.createingress
    if given.createingress or given.ingressrule or given.ingressannotation or given.ingresstls:
        warnings.append("flags of ingresses are deprecated; use --route-provider ingress")
    _apply_ingress(spec, given)
    _apply_route(spec, given)
    _apply_cors(spec, given)
    return warnings


def _called(spec: httptrigger_types.HTTPTriggerSpec) -> tuple[str, ...]:
    """The one function that is called so far."""
    reference = spec.function_ref
    if reference.type == reference_types.BY_WEIGHT:
        raise errors.UsageError("the route calls several functions: name them with --function")
    return (reference.name,)


def _apply_ingress(spec: httptrigger_types.HTTPTriggerSpec, given: Any) -> None:
    config = spec.ingress_config
    if given.ingressrule == _RESET:
        config.host, config.path = "*", spec.prefix or spec.relative_url
    elif given.ingressrule:
        host, equals, path = given.ingressrule.partition("=")
        if not equals or not path.startswith("/"):
            raise errors.UsageError(f"--ingressrule {given.ingressrule!r}: want host=/path")
        config.host, config.path = host, path
    elif spec.create_ingress and not config.host:
        config.host, config.path = "*", spec.prefix or spec.relative_url
    if _RESET in given.ingressannotation:
        config.annotations = None
    elif given.ingressannotation:
        config.annotations = flagvalues.parse_annotations(given.ingressannotation)
    if given.ingresstls is not None:
        config.tls = "" if given.ingresstls == _RESET else given.ingresstls


def _apply_route(spec: httptrigger_types.HTTPTriggerSpec, given: Any) -> None:
    values = (
        given.route_host,
        given.route_path,
        given.route_annotation,
        given.route_tls,
        given.gateway,
    )
    if given.route_provider is None and spec.route_config is None:
        if any(values):
            raise errors.UsageError("flags of a route's exposure need --route-provider")
        return
    config = spec.route_config or httptrigger_types.RouteConfig()
    if given.route_provider is not None:
        allowed = (httptrigger_types.INGRESS, httptrigger_types.GATEWAY)
        if given.route_provider not in allowed:
            raise errors.UsageError(
                f'invalid route provider "{given.route_provider}"',
                remedy=f"valid values are {', '.join(allowed)}",
            )
        config.provider = given.route_provider
    if given.route_host:
        config.hostnames = list(given.route_host)
    if given.route_path is not None:
        config.path = given.route_path
    if given.route_annotation:
        config.annotations = flagvalues.parse_annotations(given.route_annotation)
    if given.route_tls is not None:
        config.tls = "" if given.route_tls == _RESET else given.route_tls
    if given.gateway:
        config.gateway = httptrigger_types.GatewayConfig(
            parent_refs=[_gateway(text) for text in given.gateway]
        )
    spec.route_config = config


def _apply_cors(spec: httptrigger_types.HTTPTriggerSpec, given: Any) -> None:
    if given.cors_origin == (_RESET,):
        spec.cors_config = None
        return
    lists = {
        "allow_origins": given.cors_origin,
        "allow_methods": tuple(method.upper() for method in given.cors_method),
        "allow_headers": given.cors_header,
        "expose_headers": given.cors_expose,
    }
    values = {"allow_credentials": given.cors_credentials, "max_age": given.cors_max_age}
    changes = {name: list(value) for name, value in lists.items() if value}
    changes |= {name: value for name, value in values.items() if value is not None}
    if not changes:
        return
    config = spec.cors_config or httptrigger_types.CorsConfig()
    if not config.allow_origins and not given.cors_origin:
        raise errors.UsageError("flags of CORS need --cors-origin")
    for name, value in changes.items():
        setattr(config, name, value)
    spec.cors_config = config


def _gateway(text: str) -> httptrigger_types.ParentRef:
    namespace, _, name = text.rpartition("/")
    return httptrigger_types.ParentRef(name=name, namespace=namespace)


def _absolute(path: str) -> str:
    return path if not path or path.startswith("/") else f"/{path}"
