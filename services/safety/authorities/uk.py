"""The United Kingdom: Medicines for Human Use (Clinical Trials) Regulations 2004, regulation 33."""

from services.safety.authorities.authority import Authority, either

AUTHORITY = Authority(name="UK", related=either, follows_up=True)
