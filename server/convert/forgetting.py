"""Answers without a customer who is to be forgotten."""

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.message import Message

_CUSTOMER = "customer_id"


def without_customer(method: str, answer: bytes, customer_id: str) -> bytes:
    """The answer to a write, as it was remembered, without what it says of the customer.

    Args:
        method: full name of the request, "farview.v1.PrioritizeCustomersRequest". The answer is the response of that
            name, or, to a request for a job, an operation, which names no customer.
        answer: serialized.
        customer_id: whom to leave out.
    """
    name = method.removesuffix("Request") + "Response"
    try:
        described = descriptor_pool.Default().FindMessageTypeByName(name)
    except KeyError:
        return answer
    message = message_factory.GetMessageClass(described).FromString(answer)
    if _names(message, customer_id):
        message.Clear()
    _forget(message, customer_id)
    return bytes(message.SerializeToString())


def _names(message: Message, customer_id: str) -> bool:
    return _CUSTOMER in message.DESCRIPTOR.fields_by_name and getattr(message, _CUSTOMER) == customer_id


def _forget(message: Message, customer_id: str) -> None:
    for field, value in message.ListFields():
        if field.type != field.TYPE_MESSAGE:
            if field.is_repeated and field.name.endswith(f"{_CUSTOMER}s"):
                kept = [name for name in value if name != customer_id]
                message.ClearField(field.name)
                getattr(message, field.name).extend(kept)
            continue
        if not field.is_repeated:
            if _names(value, customer_id):
                message.ClearField(field.name)
            else:
                _forget(value, customer_id)
            continue
        kept = [part for part in value if not _names(part, customer_id)]
        for part in kept:
            _forget(part, customer_id)
        message.ClearField(field.name)
        getattr(message, field.name).extend(kept)
