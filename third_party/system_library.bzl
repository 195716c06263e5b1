"""Repositories over libraries that the system provides.

Headers are found by the compiler in its default include path, libraries by the
linker in its own: a target carries link options and nothing else.
"""

_HEADER = """\
package(default_visibility = ["//visibility:public"])
"""

_LIBRARY = """
cc_library(
    name = "{name}",
    linkopts = {linkopts},
    deps = {deps},
)
"""

def _require(repository_ctx, path):
    if not repository_ctx.path(path).exists:
        fail("%s not found: run tools/setup.sh" % path)

def _system_library_impl(repository_ctx):
    _require(repository_ctx, "/usr/include/" + repository_ctx.attr.header)
    packages = {"": _HEADER + _LIBRARY.format(
        name = "system_library",
        linkopts = repository_ctx.attr.linkopts,
        deps = [],
    )}
    for label, linkopt in repository_ctx.attr.labels.items():
        package, _, name = label.partition(":")
        packages[package] = packages.get(package, _HEADER) + _LIBRARY.format(
            name = name,
            linkopts = [linkopt] if linkopt else [],
            deps = ["//:system_library"],
        )
    for package, text in packages.items():
        path = package + "/BUILD.bazel" if package else "BUILD.bazel"
        repository_ctx.file(path, text, executable = False)

system_library = repository_rule(
    implementation = _system_library_impl,
    local = True,
    attrs = {
        "header": attr.string(
            mandatory = True,
            doc = "A header under /usr/include that is there when the library is.",
        ),
        "labels": attr.string_dict(
            mandatory = True,
            doc = "'package:name' of each target, to the link option that it alone needs.",
        ),
        "linkopts": attr.string_list(
            doc = "Link options that all targets share.",
        ),
    },
)

_PROTOBUF = _HEADER + """
exports_files(["protoc"])

cc_library(
    name = "protobuf",
    linkopts = [
        "-lprotobuf",
        "-pthread",
    ],
)

_WELL_KNOWN = [
    "any",
    "descriptor",
    "duration",
    "empty",
    "field_mask",
    "struct",
    "timestamp",
    "wrappers",
]

[proto_library(
    name = proto + "_proto",
    srcs = ["include/google/protobuf/%s.proto" % proto],
    strip_import_prefix = "include",
) for proto in _WELL_KNOWN]

proto_lang_toolchain(
    name = "cc_toolchain",
    blacklisted_protos = [":%s_proto" % proto for proto in _WELL_KNOWN],
    command_line = "--cpp_out=$(OUT)",
    runtime = ":protobuf",
)
"""

def _system_protobuf_impl(repository_ctx):
    for path, link in {
        "/usr/bin/protoc": "protoc",
        "/usr/include/google/protobuf": "include/google/protobuf",
    }.items():
        _require(repository_ctx, path)
        repository_ctx.symlink(path, link)
    _require(repository_ctx, "/usr/include/google/protobuf/message.h")
    repository_ctx.file("BUILD.bazel", _PROTOBUF, executable = False)

system_protobuf = repository_rule(
    implementation = _system_protobuf_impl,
    local = True,
    doc = "Protocol Buffers: compiler, runtime and well-known types.",
)
