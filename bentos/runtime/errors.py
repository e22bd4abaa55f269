"""The named errors of the runtime; adapters translate them to HTTP, gRPC or an exit code."""


class RuntimeFault(Exception):
    """Base of every error the runtime raises on purpose."""


class InputError(RuntimeFault):
    """What the caller sent cannot be used.

    `code` is machine-readable and stable; `sentence` is for a person. Codes in use: empty_file,
    unsupported_format, truncated, too_many_pixels, too_small, too_large, undecodable,
    bad_metadata.
    """

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(f"{code}: {sentence}")
        self.code = code
        self.sentence = sentence


class ContractError(RuntimeFault):
    """A recogniser, gallery or release is damaged, unsigned or belongs to another one; it is refused."""
