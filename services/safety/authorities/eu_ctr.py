"""The European Union: Regulation (EU) 536/2014, Article 42 and Annex III."""

from services.safety.authorities.authority import Authority, either

AUTHORITY = Authority(name="EU-CTR", related=either, follows_up=True)
