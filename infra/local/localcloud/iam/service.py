"""IAM, put together."""

from __future__ import annotations

from starlette.routing import Route

from localcloud.calls import Calls
from localcloud.iam.access import Access, FindBucketPolicy, WriteAudit
from localcloud.iam.accounts import Accounts
from localcloud.iam.accounts_api import AccountsApi
from localcloud.iam.credentials_api import CredentialsApi
from localcloud.iam.others_api import OthersApi
from localcloud.iam.policies import Policies
from localcloud.iam.policies_api import PoliciesApi
from localcloud.iam.tokens import Tokens
from localcloud.iam.tokens_api import TokensApi
from localcloud.rest import Api
from localcloud.state import State


class Iam:
    """The identities of the local cloud. `access` is its `ports.Identity`."""

    def __init__(self, state: State, find_bucket_policy: FindBucketPolicy, write_audit: WriteAudit) -> None:
        self._state = state
        self.accounts = Accounts(state)
        self.policies = Policies(state)
        self.tokens = Tokens(state, self.accounts)
        self.access = Access(self.tokens, self.policies, find_bucket_policy, write_audit)

    def routes(self, calls: Calls) -> list[Route]:
        """The HTTP APIs: iam, iamcredentials, resource manager's policies, the token endpoint, certificates."""
        methods = (
            *CredentialsApi(self.accounts, self.tokens, self.access).methods(),
            *PoliciesApi(self._state, self.accounts, self.policies, self.access).methods(),
            *OthersApi(self._state, self.policies, self.access).methods(),
            *AccountsApi(self.accounts, self.policies, self.access).methods(),
            *TokensApi(self.accounts, self.tokens).methods(),
        )
        return Api("iam", calls, self.access).routes(methods)
