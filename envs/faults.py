"""What pydantic finds wrong, as one line that names the field, its value and what is allowed."""

from pydantic_core import ErrorDetails


def fault_line(fault: ErrorDetails, what: str, prefix: str = "") -> str:
    """One fault as `field(=value) must ...`.

    Args:
        fault: one of `ValidationError.errors()`.
        what: the thing that was validated, such as "plan".
        prefix: what to put before the field's path, such as "scenario.".
    """
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in fault["loc"]).lstrip(".")
    path = prefix + path
    if fault["type"] == "value_error":  # raised by a validator of ours
        message = str(fault["ctx"]["error"])
        if message.startswith("must"):
            return f"{path}(={_short(fault['input'])}) {message}"
        return f"{path}.{message}".lstrip(".") if fault["loc"] else prefix + message
    if fault["type"] == "missing":
        return f"{path} is missing"
    if fault["type"] == "extra_forbidden":
        return f"{path}(={_short(fault['input'])}) is not a field of a {what}"
    if fault["type"] == "json_invalid":
        return f"{what} is not JSON: {fault['ctx']['error']}"
    subject, should, allowed = fault["msg"].partition(" should ")
    return f"{path or what}(={_short(fault['input'])}) {f'must {allowed}' if should else subject}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
