"""The nouns of the console, one module each."""

from promotion.models.amendment import Amendment
from promotion.models.approval import Approval
from promotion.models.archive import Archive
from promotion.models.audit import AuditEntry, AuditSeal
from promotion.models.environment import Environment, EnvironmentDraft, EnvironmentSchema, SchemaSource
from promotion.models.event import Event, Revision
from promotion.models.event_type import AvroSchema, EventType, TypeDecision
from promotion.models.export import Export, ExportCount, ExportPartition
from promotion.models.installation import Installation
from promotion.models.job import PromotionJob
from promotion.models.job_part import JobPart
from promotion.models.notice import Notice, Watch, Webhook
from promotion.models.plan import Judgement, Override, Plan, PlanStep
from promotion.models.promotion import Promotion, PromotionEditor
from promotion.models.replay import Receipt, Replay, ReplayAttempt
from promotion.models.rules import PairSeed, RuleList, RulePass, RuleSet, RuleSetVersion
from promotion.models.survey import Drift, TopicSurvey
from promotion.models.upload import LineVerdict, Upload, UploadChunk, UploadLine
from promotion.models.verification import Reconciliation, Verification

__all__ = [
    "Amendment",
    "Approval",
    "Archive",
    "AuditEntry",
    "AuditSeal",
    "AvroSchema",
    "Drift",
    "Environment",
    "EnvironmentDraft",
    "EnvironmentSchema",
    "Event",
    "EventType",
    "Export",
    "ExportCount",
    "ExportPartition",
    "Installation",
    "JobPart",
    "Judgement",
    "LineVerdict",
    "Notice",
    "Override",
    "PairSeed",
    "Plan",
    "PlanStep",
    "Promotion",
    "PromotionEditor",
    "PromotionJob",
    "Receipt",
    "Reconciliation",
    "Replay",
    "ReplayAttempt",
    "Revision",
    "RuleList",
    "RulePass",
    "RuleSet",
    "RuleSetVersion",
    "SchemaSource",
    "TopicSurvey",
    "TypeDecision",
    "Upload",
    "UploadChunk",
    "UploadLine",
    "Verification",
    "Watch",
    "Webhook",
]
