"""The sandbox: a simulated A1 and a simulated Bitrix24 portal on loopback, for trying everything without a contract.

It is no part of the daemon and uses none of its services: what it knows of A1 and of Bitrix24 it knows by itself, so
that a misunderstanding in the gateway is not repeated here.
"""
