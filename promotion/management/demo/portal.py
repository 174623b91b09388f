"""Two months in the life of a small portal, as events: mostly what happened there, some of it what was set up.

Everything is made from one seed, so that two demos hold the same events but for their timestamps.
"""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

DAY = 86_400_000
DAYS = 60
NAMESPACE = "net.lightapi.portal."

HOSTS = {"acme.com": "lightapi", "globex.io": "globex", "initech.org": "initech", "umbrella.net": "umbrella"}
PEOPLE = [
    "ada.lovelace",
    "grace.hopper",
    "alan.kay",
    "barbara.liskov",
    "edsger.dijkstra",
    "margaret.hamilton",
    "ken.thompson",
]
APIS = {
    "petstore": "Sells pets and asks about their well-being.",
    "accounts": "Accounts and their balances.",
    "payments": "Pays, refunds, reconciles.",
    "customer-profile": "Who a customer is and how to reach them.",
    "notifications": "Mail, text and push messages.",
    "market-data": "Quotes and their history.",
    "document-store": "Contracts, statements, pictures of cats.",
}
ENDPOINTS = ["/v1/pets@get", "/v1/pets/{id}@get", "/v1/accounts@post", "/v1/payments@post", "/v1/quotes@get"]
ROLES = ["api-admin", "api-consumer", "auditor", "developer", "host-admin", "support"]
CONFIGS = ["server", "client", "handler", "router", "rate-limit", "cors", "security", "header"]
PROPERTIES = ["timeout", "maxRetries", "httpsPort", "enableHttp2", "allowedOrigins", "requestPerSecond", "cacheTtl"]
PRODUCTS = ["lg", "lpc", "lps", "lr"]


@dataclass(frozen=True, slots=True)
class Happening:
    """One event of the story: when (ms since the epoch), its full type name, its host (the record's key), its value.

    `value` is in Avro's JSON encoding; unions are not tagged.
    """

    timestamp: int
    full_name: str
    host: str
    value: dict[str, Any]


class Portal:
    """Tells the story. `end` is when it ends, in milliseconds since the epoch; `later` names the types whose EventId
    is of the later generation (id of its own, userId, hostId).
    """

    def __init__(self, end: int, later: frozenset[str], seed: int = 20) -> None:
        self._random = random.Random(seed)  # noqa: S311  a story, not a secret
        self._now = end - DAYS * DAY
        self._end = end
        self._later = later
        self._nonces: Counter[str] = Counter()
        self._things: Counter[tuple[str, ...]] = Counter()
        self._hosts = [self._uuid() for _ in HOSTS]

    def happenings(self) -> Iterator[Happening]:
        """Yield every event in the order of time, about five thousand."""
        for host, (domain, name) in zip(self._hosts, HOSTS.items(), strict=True):
            yield from self._host(host, domain, name)
        while self._now < self._end - DAY // 24:
            yield from self._random.choices(
                [self._deployment, self._login, self._shopping, self._controllers, self._message,
                 self._api, self._role, self._config, self._instance, self._reference, self._rule, self._arguable],
                [34, 60, 22, 30, 18, 5, 4, 6, 3, 3, 3, 2],
            )[0](self._random.choice(self._hosts))  # fmt: skip

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def _person(self) -> str:
        return f"{self._random.choice(PEOPLE)}@{self._random.choice(list(HOSTS))}"

    def _event(self, kind: str, host: str, /, *, derived: bool = False, **fields: Any) -> Happening:
        full_name, person = NAMESPACE + kind, self._person()
        self._now += self._random.randint(20_000, 1_800_000)
        self._nonces[person] += 1
        event_id: dict[str, Any] = {"id": person, "nonce": self._nonces[person], "timestamp": self._now}
        if full_name in self._later:
            event_id |= {"id": self._uuid(), "userId": person, "hostId": host}
        else:
            fields = {"hostId": host, **fields}
        return Happening(self._now, full_name, host, {"EventId": {**event_id, "derived": derived}, **fields})

    def _next_action(self, *thing: str) -> tuple[str, int]:
        """'Created' the first time that `thing` is named, 'Updated' from then on: nothing changes what is not there.

        With it comes the number of the change, for a value that differs each time.
        """
        self._things[thing] += 1
        number = self._things[thing]
        return ("Updated" if number > 1 else "Created"), number

    # what a release carries

    def _host(self, host: str, domain: str, name: str) -> Iterator[Happening]:
        owner = self._person()
        yield self._event(
            "user.HostCreatedEvent", host, hostDomain=domain, name=name, desc=f"The portal of {name}.", owner=owner,
            value="{}", user=owner,
        )  # fmt: skip
        for role in ROLES[:3]:
            yield self._event("role.RoleCreatedEvent", host, roleId=role, roleDesc=f"Members of {role}.")
        for product in PRODUCTS:
            yield self._event(
                "product.ProductCreatedEvent", host, productId=product, productVersion="1.6.3", light4jVersion="2.2.1",
                releaseType="GA", current=True, versionStatus="Supported", value="{}",
            )  # fmt: skip

    def _api(self, host: str) -> Iterator[Happening]:
        api, version = self._random.choice(list(APIS)), f"1.{self._random.randint(0, 9)}.0"
        action, number = self._next_action("Service", host, api)
        value = f'{{"apiName": "{api}", "apiDesc": "{APIS[api]}", "revision": {number}}}'
        yield self._event(f"service.Service{action}Event", host, apiId=api, value=value)
        action, number = self._next_action("ServiceVersion", host, api, version)
        value = f'{{"protocol": "https", "revision": {number}}}'
        yield self._event(f"service.ServiceVersion{action}Event", host, apiId=api, apiVersion=version, value=value)
        spec = f"openapi: 3.1.0\ninfo:\n  title: {api}\n  version: {version}\n  x-revision: {number}\n"
        yield self._event(
            "service.ServiceSpecUpdatedEvent", host, apiId=api, apiVersion=version, apiType="openapi", spec=spec
        )
        _, number = self._next_action("ApiRule", host, api)
        kinds = ["authorization", "masking", "transform", "limits"]
        rules = [f"{api}-{kinds[(number + step) % 4]}" for step in range(2)]
        yield self._event("market.ApiRuleCreatedEvent", host, apiId=api, ruleIds=rules)
        for endpoint in self._random.sample(ENDPOINTS, 2):
            role = self._random.choice(ROLES)
            if self._next_action("RolePermission", host, role, api, version, endpoint)[0] == "Created":
                yield self._event(
                    "role.RolePermissionCreatedEvent", host, derived=self._random.random() < 0.3,
                    roleId=role, apiId=api, apiVersion=version, endpoint=endpoint,
                )  # fmt: skip

    def _role(self, host: str) -> Iterator[Happening]:
        role = f"{self._random.choice(ROLES)}-{self._random.randint(1, 40)}"
        yield self._event("role.RoleCreatedEvent", host, roleId=role, roleDesc="Made for one project.")
        yield self._event("role.RoleUpdatedEvent", host, roleId=role, roleDesc="Made for one project, kept for others.")
        action, number = self._next_action("RoleColFilter", host, role)
        yield self._event(
            f"role.RoleColFilter{action}Event", host, roleId=role, apiId="accounts", apiVersion="1.0.0",
            endpoint=ENDPOINTS[2], columns=f'["iban", "balance", "column-{number}"]',
        )  # fmt: skip
        if self._random.random() < 0.3:
            yield self._event("role.RoleDeletedEvent", host, roleId=role)

    def _config(self, host: str) -> Iterator[Happening]:
        config, name = self._random.choice(CONFIGS), self._random.choice(PROPERTIES)
        action, number = self._next_action("Config", host, config)
        yield self._event(
            f"market.Config{action}Event", host, configId=config, configType="Handler", infraType="Generic",
            classPath=f"com.networknt.{config}.Config", configDesc=f"Settings of the {config}, revision {number}.",
            owner="platform",
        )  # fmt: skip
        for environment in ("dev", "sit"):
            action, number = self._next_action("ConfigEnvironment", host, environment, config, name)
            yield self._event(
                f"config.ConfigEnvironment{action}Event", host,
                derived=action == "Updated" and self._random.random() < 0.3,
                environment=environment, configId=config, propertyName=name, value=str(1_000 * number),
            )  # fmt: skip
        yield self._event(
            "market.ConfigPropertyCreatedEvent", host, configId=self._random.randint(1, 90), propertyName=name,
            propertyType="Config", sequenceId=1, requiredFlag=False, propertyDescription=f"What {name} is set to.",
            propertyValue="true", propertyValueType="boolean", propertyFile="", subResourceType="none",
            owner="platform",
        )  # fmt: skip

    def _instance(self, host: str) -> Iterator[Happening]:
        instance, app = self._uuid(), f"app-{self._random.randint(1, 30)}"
        yield self._event(
            "instance.InstanceCreatedEvent", host, instanceId=instance, instanceName=f"gateway-{instance[:4]}",
            productId=self._random.choice(PRODUCTS), productVersion="1.6.3", serviceId="com.networknt.gateway-1.0.0",
            pipelineId=self._uuid(), value="{}",
        )  # fmt: skip
        action, number = self._next_action("App", host, app)
        value = f'{{"clientType": "confidential", "revision": {number}}}'
        yield self._event(f"client.App{action}Event", host, appId=app, appName=app.title(), value=value)
        yield self._event(
            "instance.InstanceApiCreatedEvent",
            host,
            instanceId=instance,
            apiId="petstore",
            apiVersion="1.0.0",
            value="{}",
        )
        yield self._event(f"client.Client{action}Event", host, appId=app, value=value)

    def _reference(self, host: str) -> Iterator[Happening]:
        table, value = self._random.choice(
            [("environment", "sit"), ("language", "fr"), ("country", "CA"), ("status", "live")]
        )
        yield self._event(
            "user.ReferenceCreatedEvent", host, table=table, language="en", value=value, label=value.upper(),
            email=self._person(), desc=f"A {table} to choose from. Déjà vu ✓",
        )  # fmt: skip
        action, number = self._next_action("Category", host, table)
        yield self._event(f"market.Category{action}Event", host, name=table, categories=f'["portal", "page-{number}"]')

    def _rule(self, host: str) -> Iterator[Happening]:
        rule = f"rule-{self._random.randint(100, 999)}"
        yield self._event(
            "rule.RuleCreatedEvent", host, ruleId=rule, ruleName=rule, ruleVersion="1.0.0", ruleType="request-access",
            ruleGroup=None, ruleDesc="Lets in who may come in.", ruleBody="conditions: []\nactions: []\n",
            ruleOwner=self._person(), common="N",
        )  # fmt: skip

    # what happened in one environment only

    def _deployment(self, host: str) -> Iterator[Happening]:
        deployment, instance = self._uuid(), self._uuid()
        values: dict[str, Any] = {
            "deploymentId": deployment,
            "instanceId": instance,
            "deploymentType": "Deploy",
            "scheduleTs": self._now,
        }
        yield self._event("deployment.DeploymentCreatedEvent", host, deploymentStatus="Deploying", **values)
        yield self._event(
            "deployment.DeploymentJobIdUpdatedEvent",
            host,
            deploymentId=deployment,
            platformJobId=str(self._random.randint(10_000, 99_999)),
        )
        status = self._random.choices(["Completed", "Failed"], [9, 1])[0]
        yield self._event("deployment.DeploymentUpdatedEvent", host, deploymentStatus=status, **values)

    def _login(self, host: str) -> Iterator[Happening]:
        code, token = self._uuid(), self._uuid()
        yield self._event("oauth.AuthCodeCreatedEvent", host, authCode=code, value="{}")
        yield self._event("oauth.AuthCodeDeletedEvent", host, authCode=code)
        yield self._event(
            "oauth.AuthRefreshTokenCreatedEvent", host, userId=self._person(), refreshToken=token, value="{}"
        )

    def _shopping(self, host: str) -> Iterator[Happening]:
        yield self._event(
            "user.OrderCreatedEvent", host, email=self._person(), order=f'{{"orderId": "{self._uuid()}"}}'
        )
        yield self._event("user.PaymentUpdatedEvent", host, email=self._person(), payments="[]")

    def _controllers(self, host: str) -> Iterator[Happening]:
        yield self._event("covid.PeerStatusUpdatedEvent", host, email=self._person(), status="open")

    def _message(self, host: str) -> Iterator[Happening]:
        yield self._event(
            "user.PrivateMessageSentEvent", host, fromId=self._person(), toEmail=self._person(),
            subject="Lunch?", content="At noon.",
        )  # fmt: skip

    def _arguable(self, host: str) -> Iterator[Happening]:
        yield self._event("user.UserRolesUpdatedEvent", host, email=self._person(), roles="developer user")
        yield self._event("market.TaxonomyCreatedEvent", host, name="industry", value="{}")
