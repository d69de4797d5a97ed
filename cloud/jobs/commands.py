"""What can be asked of background jobs."""

from dataclasses import dataclass

from cloud.commands.command import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class RedriveJob(Command):
    """Try a job from the dead-letter list again, with all its attempts."""

    domain = "jobs"
    job_id: str
    queue: str = "ai-agent-tasks"
