"""The nouns of the console, one module each."""

from promotion.models.audit import AuditEntry
from promotion.models.environment import Environment, EnvironmentDraft
from promotion.models.event import Event, Revision
from promotion.models.event_type import AvroSchema, EventType, TypeDecision
from promotion.models.export import Export, ExportCount, ExportPartition
from promotion.models.installation import Installation
from promotion.models.job import PromotionJob
from promotion.models.plan import Plan, PlanStep
from promotion.models.promotion import Promotion
from promotion.models.replay import Receipt, Replay, ReplayAttempt
from promotion.models.upload import LineVerdict, Upload, UploadChunk, UploadLine

__all__ = [
    "AuditEntry",
    "AvroSchema",
    "Environment",
    "EnvironmentDraft",
    "Event",
    "EventType",
    "Export",
    "ExportCount",
    "ExportPartition",
    "Installation",
    "LineVerdict",
    "Plan",
    "PlanStep",
    "Promotion",
    "PromotionJob",
    "Receipt",
    "Replay",
    "ReplayAttempt",
    "Revision",
    "TypeDecision",
    "Upload",
    "UploadChunk",
    "UploadLine",
]
