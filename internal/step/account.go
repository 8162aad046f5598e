package step

// AccountChange gives a BMC's account a new password that is kept in escrow first, or makes the account, proves it by a login of
// its own, and then does away with the factory's account.
//
//	Expect  generation: N
//	Want    generation: N+1, username
//	Args    Length: characters; Method: disable, delete or keep; Targets: user name of the factory's account
const AccountChange Kind = "account"
