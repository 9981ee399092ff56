"""What new code may use of the world outside its package: a short list, and no way round it.

Names are dotted, as `runner.judge.names` gives them. The list is what small honest changes
need; code that was there before may use what it used.
"""

import sys
from collections.abc import Mapping, Set


def words(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


ANY = frozenset({"*"})  # every public name that is no module

MODULES: Mapping[str, Set[str]] = {
    "__future__": ANY,
    "abc": words("ABC abstractmethod"),
    "builtins": ANY,
    "collections": words("ChainMap Counter OrderedDict defaultdict deque namedtuple"),
    "collections.abc": ANY,
    "contextlib": words("ExitStack closing contextmanager nullcontext suppress"),
    "copy": words("copy deepcopy"),
    "dataclasses": words("asdict astuple dataclass field fields replace"),
    "datetime": ANY,
    "decimal": ANY,
    "enum": words("Enum Flag IntEnum IntFlag StrEnum auto unique"),
    "fractions": ANY,
    "functools": words("cache cached_property lru_cache partial reduce total_ordering"),
    "inspect": words("cleandoc getdoc"),
    "itertools": ANY,
    "json": words("JSONDecodeError dumps loads"),
    "logging": words("getLogger"),
    "math": ANY,
    "numbers": ANY,
    "operator": words("add eq ge gt itemgetter le lt mul ne sub"),
    "os": words(
        "EX_CANTCREAT EX_CONFIG EX_DATAERR EX_IOERR EX_NOHOST EX_NOINPUT EX_NOPERM EX_NOUSER EX_OK "
        "EX_OSERR EX_OSFILE EX_PROTOCOL EX_SOFTWARE EX_TEMPFAIL EX_UNAVAILABLE EX_USAGE getenv "
        "linesep name sep"
    ),
    "os.environ": words("get"),
    "os.path": words("basename dirname exists isfile join splitext"),
    "platform": words("machine python_implementation python_version python_version_tuple system"),
    "re": ANY,
    "shutil": words("get_terminal_size"),
    "string": words(
        "Template ascii_letters ascii_lowercase ascii_uppercase capwords digits hexdigits "
        "octdigits printable punctuation whitespace"
    ),
    "sys": words("byteorder hexversion implementation maxsize platform version version_info"),
    "sysconfig": words("get_python_version"),
    "textwrap": ANY,
    "types": words(
        "EllipsisType GenericAlias MappingProxyType NoneType SimpleNamespace TracebackType "
        "UnionType"
    ),
    "typing": ANY,
    "typing_extensions": ANY,
    "warnings": words("warn"),
}

# Public names that run text as code, end the program, or look behind a module's or class's back.
REFUSED = (
    frozenset(
        f"builtins.{name}"
        for name in words(
            "BaseException BaseExceptionGroup GeneratorExit KeyboardInterrupt SystemExit "
            "breakpoint compile copyright credits delattr dir eval exec exit globals help input "
            "license locals memoryview open quit setattr vars"
        )
    )
    | {
        f"{module}.{name}"
        for module in ("typing", "typing_extensions")
        for name in words(
            "ABCMeta ForwardRef GenericMeta NamedTupleMeta evaluate_forward_ref get_annotations "
            "get_type_hints no_type_check"
        )
    }
    | {"numbers.ABCMeta"}
)
# What the packages under test and their libraries can do for others: start programs, open files,
# run a command line to the end of the process, stand in for the standard streams.
SERVANTS = words(
    "rich.console.Console.save_html rich.console.Console.save_svg rich.console.Console.save_text "
    "rich.diagnose rich.file_proxy rich.live rich.pager rich.pretty.install rich.progress.Progress "
    "rich.progress.open rich.progress.wrap_file rich.syntax "
    "typer._click._compat._AtomicFile typer._click._compat._wrap_io_open "
    "typer._click._compat.open_stream typer._click._termui_impl.open_url "
    "typer._click._winconsole typer._click.types.File typer._click.utils.LazyFile "
    "typer._click.utils.open_file typer._completion_shared.install "
    "typer._completion_shared.install_bash typer._completion_shared.install_fish "
    "typer._completion_shared.install_powershell typer._completion_shared.install_zsh typer.cli "
    "typer.completion.install_callback typer.completion.shell_complete "
    "typer.completion.show_callback typer.core._main typer.main.except_hook typer.main.launch "
    "typer.main.run typer.testing.CliRunner typer.testing._NamedTextIOWrapper"
)

# What is never a vendor's library to a package under test.
TOOLS = words(
    "_pytest coverage execnet iniconfig mypy mypy_extensions mypyc nodeids pluggy py pytest "
    "pytest_cov ruff runner_harness xdist"
)
STDLIB = frozenset(sys.stdlib_module_names)

# Python's own names that new code may say, and methods it may define.
DUNDERS = words(
    "__all__ __author__ __class__ __debug__ __doc__ __enter__ __exit__ __init__ __len__ __iter__ "
    "__main__ __module__ __name__ __next__ __post_init__ __qualname__ __repr__ __str__ __slots__ "
    "__version__ __future__ __call__ __getitem__ __int__ __float__ __add__ __or__ __and__ __sub__ "
    "__abs__ __aenter__ __aexit__ __await__ __reversed__ __setitem__"
)
# Attributes that lead from a value to what runs it.
ATTRIBUTES = words(
    "_convert_ ag_code ag_frame co_code co_consts cr_code cr_frame cr_origin currentframe "
    "displayhook excepthook f_back f_builtins f_code f_globals f_lineno f_locals f_trace "
    "fdel fget findCaller fset funcName func_globals gi_code gi_frame gi_yieldfrom meta_path "
    "modules mro path_hooks path_importer_cache pytest_plugins save_html save_svg save_text "
    "setprofile settrace stack_info tb_frame tb_next unraisablehook"
)
# Modules that are out of reach also when they are found as an attribute of something.
_MODULE_ATTRIBUTES = words(
    "_thread atexit builtins codecs concurrent ctypes faulthandler gc importlib inspect io "
    "marshal mmap multiprocessing os pickle pkgutil posix runpy signal socket subprocess sys "
    "threading traceback tracemalloc unittest weakref"
)


def dunder(name: str) -> bool:
    """Whether the name is one of Python's own kind: `__x__`."""
    return len(name) > 4 and name.startswith("__") and name.endswith("__")


def odd_attribute(name: str) -> str | None:
    """Why no new code may say `.name`; None when it may."""
    if dunder(name) and name not in DUNDERS:
        return f"reaches .{name}"
    if name in ATTRIBUTES or name in _MODULE_ATTRIBUTES or name in TOOLS:
        return f"reaches .{name}"
    return None


def odd_name(dotted: str, own: Set[str], vendors: Set[str]) -> str | None:
    """Why no new code may use what has this dotted name; None when it may.

    `own` holds the top-level packages under test, `vendors` the libraries they used before.
    """
    top, *rest = dotted.split(".")
    parts = [".".join([top, *rest[:end]]) for end in range(len(rest) + 1)]
    if not (REFUSED | SERVANTS).isdisjoint(parts):
        return f"reaches {dotted}"
    if top in own:
        return _odd_parts(dotted, rest)
    if top in TOOLS or (top not in STDLIB | {"typing_extensions"} and top not in vendors):
        return f"reaches {dotted}"
    if top in vendors:
        odd = any(part.startswith("_") or part in STDLIB for part in rest)
        return f"reaches {dotted}" if odd else None
    for end in (2, 1):
        module, parts = ".".join([top, *rest][:end]), [top, *rest][end:]
        if module in MODULES:
            return _odd_use(dotted, module, parts)
    return f"reaches {dotted}"


def _odd_use(dotted: str, module: str, parts: list[str]) -> str | None:
    if not parts:
        return f"takes the module {module} as a value"
    allowed, name = MODULES[module], parts[0]
    # A class's own names come out as built-in ones, whatever modules are called the same.
    public = allowed is ANY and not name.startswith("_")
    public = public and (module == "builtins" or name not in STDLIB)
    special = module == "builtins" and (name in DUNDERS or not name.startswith("__"))
    if not (public or special or name in allowed):
        return f"reaches {dotted}"
    return _odd_parts(dotted, parts[1:])


def _odd_parts(dotted: str, parts: list[str]) -> str | None:
    return next((f"reaches {dotted}" for part in parts if odd_attribute(part)), None)
