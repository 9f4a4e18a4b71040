"""What is watched for one environment: its places and its policy."""

from __future__ import annotations

import msgspec

from dagwarden.iam.finding import IamFinding, RemoveMember
from dagwarden.iam.snapshot import ACCOUNT, OTHER, Places, name_bucket, name_environment, name_project
from dagwarden.names import EnvironmentName
from dagwarden.policy.environment import Environment
from dagwarden.policy.model import Policy


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """One environment, as the guard knows it."""

    environment: EnvironmentName
    places: Places
    policy: Policy
    described: Environment
    """As environment.yaml says."""

    def concerns(self, resource: str, project: str) -> bool:
        """Whether a change to a resource, told of by the log of a project, is this environment's business.

        The environment, and its bucket, may lie in another project; everything else has to be told of by its own.
        """
        if resource == name_bucket(self.places.environment_bucket):
            return True
        composer = self.places.composer
        if resource.startswith(name_environment("")):
            return resource == name_environment(composer) and project == composer.split("/")[1]
        own = {name_project(self.places.project), *(name_bucket(bucket) for bucket in self.places.buckets)}
        return project == self.places.project and (resource in own or resource.startswith((ACCOUNT, OTHER)))

    def owns(self, resource: str) -> bool:
        """Whether a resource is this environment's alone, and not shared with others."""
        return resource == name_bucket(self.places.environment_bucket)


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What was found for one environment."""

    watch: Watch
    findings: tuple[IamFinding, ...]


def is_agreed(fix: RemoveMember, watch: Watch, judged: tuple[Judged, ...]) -> bool:
    """Whether no other environment's policy finds the member in order where it is: shared things change by consent."""
    others = [each for each in judged if each.watch.environment != watch.environment]
    return watch.owns(fix.resource) or all(any(found.fix == fix for found in each.findings) for each in others)
