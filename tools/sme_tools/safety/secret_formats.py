"""Secrets that are known by their form alone, wherever they stand.

One row a form: the kind that its placeholder names, the beginnings by which it is found, and the
whole form. Sources: the issuers' own documentation of their key formats, and GitHub's list of
supported secret-scanning patterns.

Each pattern is tried only where one of its beginnings stands, so it must begin with that text. It
must be linear: no repeat inside a repeat, and nothing required after an open-ended repeat unless
the row says `alone`, which makes one run of characters be tried once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """One known form of secret."""

    kind: str
    beginnings: tuple[str, ...]
    """As written; they are looked for without regard to case, the pattern decides."""
    pattern: re.Pattern[str]
    alone: bool = False
    """Whether the form counts only where no letter, digit, `_` or `-` stands before it: for
    beginnings so short that they occur inside other words."""


def _format(kind: str, beginnings: str, pattern: str, *, alone: bool = False) -> Format:
    return Format(kind, tuple(beginnings.split()), re.compile(pattern, re.ASCII), alone)


_END = r"(?![A-Za-z0-9])"
_MIXED = r"(?=[A-Za-z_-]*[0-9])"
"""Somewhere in the run there is a digit: `sk-` alone also begins ordinary compound words."""

FORMATS = (
    # clouds
    _format(
        "aws-key",
        "AKIA ASIA ABIA ACCA",
        r"A(?:KIA|SIA|BIA|CCA)[A-Z2-7]{16}(?::[A-Za-z0-9+/]{40})?" + _END,
    ),
    _format("google-key", "AIza", r"AIza[\w-]{35}"),
    _format("google-token", "ya29.", r"ya29\.[\w-]{20,}"),
    _format("google-token", "1//0", r"1//0[\w-]{20,}", alone=True),
    _format("google-secret", "GOCSPX-", r"GOCSPX-[\w-]{20,}"),
    _format("digitalocean-token", "dop_v1_ doo_v1_ dor_v1_", r"do[por]_v1_[a-f0-9]{64}"),
    _format("heroku-key", "HRKU-", r"HRKU-[\w-]{30,}"),
    _format("cloudflare-key", "v1.0-", r"v1\.0-[a-f0-9]{24}-[a-f0-9]{146}"),
    _format("cloudflare-token", "cfut_ cfat_ cfk_", r"cf(?:ut|at|k)_[\w-]{40,}"),
    _format("aws-key", "ABSK", r"ABSK[A-Za-z0-9+/]{100,}={0,2}", alone=True),
    # code hosts and registries
    _format("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9_]{30,}"),
    _format("github-token", "github_pat_", r"github_pat_\w{22,}"),
    _format(
        "gitlab-token",
        "glpat- glptt- glrt- gldt- glcbt- gloas- glsoat- glagent- glimt- glft- glffct- GR1348941",
        r"(?:gl[a-z]{2,6}-[\w.-]{20,}|GR1348941[\w-]{20,})",
    ),
    _format("npm-token", "npm_", r"npm_[A-Za-z0-9]{36}" + _END),
    _format("pypi-token", "pypi-", r"pypi-[\w-]{50,}"),
    _format("docker-token", "dckr_pat_ dckr_oat_", r"dckr_[po]at_[\w-]{20,}"),
    _format("jfrog-key", "AKCp", r"AKCp[A-Za-z0-9]{50,}"),
    _format("rubygems-key", "rubygems_", r"rubygems_[a-f0-9]{48}"),
    _format("crates-token", "cio", r"cio[A-Za-z0-9]{32}" + _END, alone=True),
    _format("jfrog-key", "cmVmdGtuO", r"cmVmdGtuO[A-Za-z0-9+/=_-]{50,}"),
    _format("bitbucket-token", "ATBB", r"ATBB[A-Za-z0-9]{24,}[A-F0-9]{8}", alone=True),
    _format("nuget-key", "oy2", r"oy2[a-z0-9]{43}" + _END, alone=True),
    # models
    _format("anthropic-key", "sk-ant-", r"sk-ant-[\w-]{20,}", alone=True),
    _format("openrouter-key", "sk-or-v1-", r"sk-or-v1-[A-Za-z0-9]{20,}", alone=True),
    _format("openai-key", "sk-", rf"sk-{_MIXED}[\w-]{{20,}}", alone=True),
    _format("huggingface-token", "hf_ api_org_", r"(?:hf_|api_org_)[A-Za-z0-9]{30,}", alone=True),
    _format("groq-key", "gsk_", r"gsk_[A-Za-z0-9]{40,}", alone=True),
    _format("nvidia-key", "nvapi-", r"nvapi-[\w-]{40,}"),
    _format("xai-key", "xai-", r"xai-[A-Za-z0-9]{60,}", alone=True),
    _format("perplexity-key", "pplx-", r"pplx-[A-Za-z0-9]{40,}", alone=True),
    _format("replicate-token", "r8_", r"r8_[A-Za-z0-9]{37}" + _END, alone=True),
    _format("together-key", "tgp_v1_", r"tgp_v1_[\w-]{40,}"),
    _format("cerebras-key", "csk-", r"csk-[a-z0-9]{40,}", alone=True),
    _format("elevenlabs-key", "sk_", r"sk_[a-f0-9]{48}" + _END, alone=True),
    _format("pinecone-key", "pcsk_", r"pcsk_\w{40,}"),
    _format("fireworks-key", "fw_", r"fw_(?=[A-Za-z]*[0-9])[A-Za-z0-9]{22,}" + _END, alone=True),
    _format("langsmith-key", "lsv2_", r"lsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}"),
    _format("tavily-key", "tvly-", r"tvly-[\w-]{30,}"),
    # messages and mail
    _format("matrix-token", "syt_", r"syt_[\w+/=]{1,128}_[A-Za-z0-9]{16,24}_[A-Za-z0-9]{6}"),
    _format(
        "discord-token",
        "MD MT Mj Mz ND NT Nj Nz OD OT",
        r"[MNO][DTjz][\w-]{22,26}\.[\w-]{6}\.[\w-]{27,40}",
        alone=True,
    ),
    _format("pushover-key", "pushover://", r"pushover://[a-z0-9]{30}@[a-z0-9]{30}"),
    _format(
        "slack-token",
        "xoxa- xoxb- xoxe- xoxe. xoxo- xoxp- xoxr- xoxs- xoxc- xoxd- xapp-",
        r"(?:xox[abceoprsd][-.]|xapp-)[\w%/+=.-]{10,}",
    ),
    _format(
        "webhook",
        "hooks.slack.com/services/ hooks.slack.com/workflows/",
        r"hooks\.slack\.com/(?:services|workflows)/[\w/-]{20,}",
    ),
    _format(
        "webhook",
        "discord.com/api/webhooks/ discordapp.com/api/webhooks/",
        r"discord(?:app)?\.com/api/webhooks/\d{10,24}/[\w-]{20,}",
    ),
    _format("plex-claim", "claim-", rf"claim-{_MIXED}[\w-]{{20}}(?![\w-])", alone=True),
    _format("sendgrid-key", "SG.", r"SG\.[\w-]{16,64}\.[\w-]{16,}", alone=True),
    _format("mailgun-key", "key-", r"key-[a-f0-9]{32}" + _END, alone=True),
    _format("brevo-key", "xkeysib- xsmtpsib-", r"x(?:key|smtp)sib-[a-f0-9]{64}-\w{16}"),
    # money
    _format(
        "stripe-key",
        "sk_live_ sk_test_ rk_live_ rk_test_ whsec_",
        r"(?:[sr]k_(?:live|test)|whsec)_[A-Za-z0-9+/=]{10,}",
    ),
    _format("shopify-token", "shpat_ shpca_ shppa_ shpss_", r"shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32}"),
    _format("square-token", "sq0", r"sq0[a-z]{3}-[\w-]{22,}", alone=True),
    _format("square-token", "EAAA", r"EAAA[\w-]{60}(?![\w-])", alone=True),
    _format("twilio-key", "SK", r"SK[a-f0-9]{32}" + _END, alone=True),
    _format("resend-key", "re_", r"re_[A-Za-z0-9]{8}_[A-Za-z0-9]{20,}", alone=True),
    # what runs a machine room
    _format("vault-token", "s.", r"s\.(?=\w*\d)(?=\w*[A-Z])[A-Za-z0-9]{24}(?![\w.])", alone=True),
    _format("datadog-key", "ddapp_ ddapi_ ddpat_", r"ddp?ap[ipt]_\w{30,}|ddpat_\w{30,}"),
    _format(
        "doppler-token",
        "dp.st. dp.ct. dp.pt. dp.sa. dp.scim. dp.audit.",
        r"dp\.(?:st|ct|pt|sa|scim|audit)\.(?:[\w-]{2,35}\.)?[A-Za-z0-9]{40,44}",
    ),
    _format("onepassword-token", "ops_eyJ", r"ops_eyJ[\w+/=-]{50,}"),
    _format("figma-token", "figd_", r"figd_[\w-]{35,}"),
    _format(
        "notion-token", "ntn_ secret_", r"(?:ntn_[A-Za-z0-9]{40,}|secret_[A-Za-z0-9]{43})" + _END
    ),
    _format("fly-token", "fm1_ fm1r_ fm2_", r"fm[12]r?_[\w+/=,-]{50,}"),
    _format("minisign-key", "RWRTY0Iy", r"RWRTY0Iy[A-Za-z0-9+/]{100,}={0,2}"),
    _format("render-key", "rnd_", r"rnd_[A-Za-z0-9]{20,}", alone=True),
    _format("vercel-token", "vcp_ vci_ vca_ vcr_ vck_", r"vc[piark]_[A-Za-z0-9]{24,}", alone=True),
    _format("planetscale-key", "pscale_", r"pscale_(?:tkn|pw|oauth)_[\w.=-]{30,}"),
    _format("vault-token", "hvs. hvb. hvr.", r"hv[sbr]\.[\w-]{20,}"),
    _format("terraform-token", "atlasv1.", r"atlasv1\.[\w-]{60,}"),
    _format("grafana-token", "glsa_ glc_", r"gl(?:sa|c)_[A-Za-z0-9+/=_]{30,}", alone=True),
    _format("tailscale-key", "tskey-", r"tskey-[a-z]+-[\w-]{10,}"),
    _format("databricks-token", "dapi", r"dapi[a-f0-9]{32}(?:-\d)?" + _END, alone=True),
    _format("newrelic-key", "NRAK-", r"NRAK-[A-Z0-9]{27}"),
    _format("sentry-token", "sntrys_ sntryu_", r"sntry[su]_[\w+/=]{40,}"),
    _format("linear-key", "lin_api_", r"lin_api_[A-Za-z0-9]{30,}"),
    _format("pulumi-token", "pul-", r"pul-[a-f0-9]{40}" + _END, alone=True),
    _format("postman-key", "PMAK-", r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}"),
    _format("atlassian-token", "ATATT3 ATCTT3", r"AT[AC]TT3[\w=-]{50,}"),
    _format("age-key", "AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[A-Z0-9]{50,}"),
    _format("swarm-token", "SWMTKN-1-", r"SWMTKN-1-[a-z0-9]{40,60}-[a-z0-9]{20,30}"),
    _format("kubeadm-token", "K10", r"K10[a-f0-9]{50,}::[\w:.-]{8,}", alone=True),
    _format("ceph-key", "AQ", r"AQ[A-Za-z0-9+/]{36}==", alone=True),
    _format(
        "proxmox-token",
        "PVEAPIToken PBSAPIToken PMGAPIToken",
        r"P(?:VE|BS|MG)APIToken[= ]\S{1,128}[=:]"
        r"[a-fA-F0-9]{8}(?:-[a-fA-F0-9]{4}){3}-[a-fA-F0-9]{12}",
    ),
    _format(
        "proxmox-ticket",
        "PVE: PBS: PMG:",
        r"P(?:VE|BS|MG):[^\s:@]{1,64}@[\w.-]{1,64}:[A-F0-9]{8}::[A-Za-z0-9+/=]{40,}",
    ),
    # everywhere
    _format("jwt", "eyJ", r"eyJ[\w-]{10,}\.[\w-]{4,}\.[\w.-]*", alone=True),
    _format(
        "paseto",
        "v1. v2. v3. v4.",
        r"v[1-4]\.(?:local|public)\.[\w-]{40,}(?:\.[\w-]+)?",
        alone=True,
    ),
    _format(
        "password-hash",
        "pbkdf2_",
        r"pbkdf2_sha\d{1,3}\$\d{1,9}\$[^\s$]{4,64}\$[A-Za-z0-9+/]{20,}={0,2}",
    ),
    _format(
        "password-hash",
        "SCRAM-SHA-",
        r"SCRAM-SHA-\d{1,3}\$\d{1,7}:[\w+/=]{8,}\$[\w+/=]{20,}:[\w+/=]{20,}",
    ),
    _format("password-hash", "*", r"\*[A-F0-9]{40}" + _END, alone=True),
    _format("password-hash", "$P$ $H$", r"\$[PH]\$[./A-Za-z0-9]{31}"),
    _format("password-hash", "$8$ $9$", r"\$[89]\$[./A-Za-z0-9]{14}\$[./A-Za-z0-9]{43}"),
    _format("password-hash", "scrypt:", r"scrypt:\d{1,8}:\d{1,3}:\d{1,3}\$\w{8,64}\$[a-f0-9]{64,}"),
    _format(
        "password-hash",
        "grub.pbkdf2.",
        r"grub\.pbkdf2\.sha512\.\d{1,8}\.[A-F0-9]{32,}\.[A-F0-9]{32,}",
    ),
    _format("password-hash", "md5", r"md5[a-f0-9]{32}" + _END, alone=True),
    _format(
        "password-hash",
        "{SSHA {SHA {SMD5 {MD5} {CRYPT}",
        r"\{[A-Z0-9]{3,8}\}[A-Za-z0-9+/$.]{20,}={0,2}",
    ),
    _format(
        "password-hash",
        "$1$ $5$ $6$ $7$ $y$ $gy$ $2a$ $2b$ $2x$ $2y$ $argon2 $apr1$ $sha1$",
        r"\$(?:1|5|6|7|y|gy|2[abxy]|argon2(?:id|i|d)|apr1|sha1)\$[./A-Za-z0-9$,=+-]{20,}",
    ),
)
