# ruff: noqa: N802 - the wire names the methods
"""Really signed bundles, really signed trust, and a cloud that serves them and can misbehave."""

import asyncio
import base64
import hashlib
import json
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import model_signing
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from kyndof_wire.artifacts.v1 import artifacts_pb2, artifacts_pb2_grpc

import edge.model_bundles

BASE = Path(edge.model_bundles.__file__).parent / "base"
BASE_DIGEST = hashlib.sha256((BASE / "manifest.json").read_bytes()).hexdigest()
CHUNK = 4 << 20
PART = 1 << 20
DAY = timedelta(days=1)


class Key:
    """A P-256 key pair."""

    def __init__(self):
        self.private = ec.generate_private_key(ec.SECP256R1())
        public = self.private.public_key()
        spki = serialization.PublicFormat.SubjectPublicKeyInfo
        self.public_pem = public.public_bytes(serialization.Encoding.PEM, spki).decode()
        der = public.public_bytes(serialization.Encoding.DER, spki)
        self.key_id = hashlib.sha256(der).hexdigest()[:16]

    def write(self, path: Path) -> Path:
        path.write_bytes(
            self.private.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return path

    def signature(self, content: bytes) -> str:
        return base64.b64encode(self.private.sign(content, ec.ECDSA(hashes.SHA256()))).decode()


def moment(days: float) -> str:
    return (datetime.now(UTC) + days * DAY).isoformat()


def named(keys):
    return [{"key_id": key.key_id, "public_key_pem": key.public_pem} for key in keys]


def timestamp(version, key, *, issued=0.0, expires=7.0):
    """Return timestamp.json and its signatures; moments in days from now."""
    said = {
        "trust_version": version,
        "issued_at": moment(issued),
        "expires_at": moment(expires),
    }
    content = json.dumps(said).encode()
    return content, json.dumps({key.key_id: key.signature(content)}).encode()


def trust(version, roots, release, *, signed_by=None, threshold=1, days=30, retired=(), stamps=()):
    """Return trust.json and trust.sig; ``retired`` release keys ended yesterday."""
    content = json.dumps(
        {
            "version": version,
            "expires_at": moment(days),
            "root_keys": named(roots),
            "timestamp_keys": named(stamps),
            "root_threshold": 1,
            "release_keys": [
                {
                    "key_id": k.key_id,
                    "public_key_pem": k.public_pem,
                    "not_after": moment(-1 if k in retired else 30),
                }
                for k in release
            ],
            "threshold": threshold,
        }
    ).encode()
    signers = roots if signed_by is None else signed_by
    return content, json.dumps({k.key_id: k.signature(content) for k in signers}).encode()


def make_bundle(folder: Path, *, files=None, **terms) -> Path:
    """Copy the base bundle with other files and terms; unsigned, banks of the base hold for it."""
    shutil.copytree(BASE, folder)
    for name, content in (files or {}).items():
        (folder / name).write_bytes(content)
    digests = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
        if path.name != "manifest.json"
    }
    manifest = {
        "name": "cotton",
        "version": "3.0.0",
        "files": digests,
        "release_counter": 1,
        "allow_rollback_to": [],
        "expires_at": moment(30),
        "limits": {"latency_ms": 60_000, "memory_mb": 1024},
        "compat": {"banks_of": [BASE_DIGEST]},
    } | terms
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def digest_of(folder: Path) -> str:
    return hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()


def sign(folder: Path, key: Key, name: str = "model.sig") -> Path:
    secret = key.write(folder.with_name(f"{folder.name}.{key.key_id}.pem"))
    config = model_signing.signing.Config().use_elliptic_key_signer(private_key=secret)
    ignored = [folder / name, *folder.glob("*.sig")]
    hashing = model_signing.hashing.Config().set_ignored_paths(
        paths=ignored, ignore_git_paths=False
    )
    config.set_hashing_config(hashing).sign(folder, folder / name)
    return folder


def _version(content: bytes) -> int:
    try:
        return json.loads(content)["version"]
    except ValueError:
        return 1_000


@dataclass
class Shelf:
    """What the cloud has, and what goes wrong with it."""

    trust: list = field(default_factory=list)
    timestamp: tuple = (b"", b"")
    bundles: dict = field(default_factory=dict)
    lists: dict = field(default_factory=dict)
    cut_after_parts: int = -1
    wrong_chunks: dict = field(default_factory=dict)
    part_delay_s: float = 0.0
    short: bool = False
    silent: bool = False
    read: list = field(default_factory=list)
    parts: int = 0

    def put(self, folder: Path) -> str:
        """Offer a bundle's folder; returns its digest."""
        digest = digest_of(folder)
        names = sorted(path.name for path in folder.iterdir())
        self.bundles[digest] = [(name, (folder / name).read_bytes()) for name in names]
        return digest

    def content(self, digest) -> bytes:
        return b"".join(content for _, content in self.bundles[digest])

    def chunks(self, digest):
        content = self.content(digest)
        return [content[i : i + CHUNK] for i in range(0, len(content), CHUNK)]


class Artifacts(artifacts_pb2_grpc.ArtifactServiceServicer):
    def __init__(self, shelf: Shelf):
        self.shelf = shelf

    async def GetTrust(self, request, context):
        versions = [
            artifacts_pb2.TrustVersion(trust_json=content, trust_sig=signatures)
            for content, signatures in self.shelf.trust
            if _version(content) > request.observed_version
        ]
        content, signatures = self.shelf.timestamp
        return artifacts_pb2.GetTrustResponse(
            versions=versions, timestamp_json=content, timestamp_sig=signatures
        )

    async def GetManifest(self, request, context):
        digest = request.model_digest
        if digest not in self.shelf.bundles:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such bundle")
        files = [
            (name, len(content), hashlib.sha256(content).hexdigest())
            for name, content in self.shelf.bundles[digest]
        ]
        files = self.shelf.lists.get(digest, files)
        return artifacts_pb2.GetManifestResponse(
            files=[
                artifacts_pb2.ArtifactFile(name=name, size_bytes=size, sha256=sha256)
                for name, size, sha256 in files
            ],
            chunk_sha256=[hashlib.sha256(chunk).hexdigest() for chunk in self.shelf.chunks(digest)],
        )

    async def ReadChunks(self, request, context):
        shelf = self.shelf
        if shelf.silent:
            await asyncio.sleep(3600)
        every = shelf.chunks(request.model_digest)
        last = request.first_chunk + (request.chunk_count or len(every))
        for number in range(request.first_chunk, min(last, len(every))):
            shelf.read.append(number)
            content = every[number]
            if shelf.wrong_chunks.get(number, 0):
                shelf.wrong_chunks[number] -= 1
                content = bytes([content[0] ^ 1]) + content[1:]
            if shelf.short and number == len(every) - 1:
                content = content[:-1]
            for offset in range(0, len(content), PART):
                if shelf.cut_after_parts == 0:
                    shelf.cut_after_parts = -1
                    await context.abort(grpc.StatusCode.UNAVAILABLE, "cut by the test")
                shelf.cut_after_parts -= 1 if shelf.cut_after_parts > 0 else 0
                await asyncio.sleep(shelf.part_delay_s)
                shelf.parts += 1
                yield artifacts_pb2.ReadChunksResponse(
                    chunk=number, offset_bytes=offset, data=content[offset : offset + PART]
                )
