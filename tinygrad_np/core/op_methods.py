"""A base of `Tensor` for what `ops.binding` binds: methods and operators. Their types are in the stub beside this."""

__all__ = ["OpMethods"]


class OpMethods:
    """Empty until ``ops`` is imported."""

    __slots__ = ()
