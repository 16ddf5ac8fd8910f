package pkcs7

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"hash"
)

// Algorithms that encrypt keys: RFC 8018, appendices A and B.
var (
	oidPBES2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}

	// prfs are pseudorandom functions; the first one is the default.
	prfs = []struct {
		oid  asn1.ObjectIdentifier
		hash func() hash.Hash
	}{
		{asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 7}, sha1.New},
		{asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 9}, sha256.New},
		{asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 10}, sha512.New384},
		{asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 11}, sha512.New},
	}

	ciphers = []struct {
		oid asn1.ObjectIdentifier
		key int // its size in bytes
		new func([]byte) (cipher.Block, error)
	}{
		{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 2}, 16, aes.NewCipher},
		{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 22}, 24, aes.NewCipher},
		{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}, 32, aes.NewCipher},
		{asn1.ObjectIdentifier{1, 2, 840, 113549, 3, 7}, 24, des.NewTripleDESCipher},
	}
)

type encryptedPrivateKeyInfo struct {
	Algorithm pkix.AlgorithmIdentifier
	Data      []byte
}

type pbes2Params struct{ Derivation, Encryption pkix.AlgorithmIdentifier }

type pbkdf2Params struct {
	Salt       []byte
	Iterations int
	KeyLength  int                      `asn1:"optional"`
	PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
}

// maxIterations is more than anybody waits for.
const maxIterations = 100_000_000

// decrypt opens an encrypted PKCS #8 key.
func decrypt(der, passphrase []byte) ([]byte, error) {
	var info encryptedPrivateKeyInfo
	var params pbes2Params
	var derivation pbkdf2Params
	if rest, err := asn1.Unmarshal(der, &info); err != nil || len(rest) > 0 {
		return nil, errors.New("the encrypted key is damaged")
	}
	const convert = "; convert the key with `openssl pkcs8 -topk8 -v2 aes-256-cbc`"
	if !info.Algorithm.Algorithm.Equal(oidPBES2) {
		return nil, fmt.Errorf("the key is encrypted with algorithm %v, which is not supported"+convert, info.Algorithm.Algorithm)
	}
	if _, err := asn1.Unmarshal(info.Algorithm.Parameters.FullBytes, &params); err != nil {
		return nil, errors.New("the encrypted key is damaged")
	}
	if !params.Derivation.Algorithm.Equal(oidPBKDF2) {
		return nil, fmt.Errorf("the key's passphrase is used by algorithm %v, which is not supported"+convert, params.Derivation.Algorithm)
	}
	if _, err := asn1.Unmarshal(params.Derivation.Parameters.FullBytes, &derivation); err != nil ||
		derivation.Iterations < 1 || derivation.Iterations > maxIterations {
		return nil, errors.New("the encrypted key is damaged")
	}
	prf := prfs[0].hash
	if oid := derivation.PRF.Algorithm; len(oid) > 0 {
		prf = nil
		for _, p := range prfs {
			if p.oid.Equal(oid) {
				prf = p.hash
			}
		}
		if prf == nil {
			return nil, fmt.Errorf("the key's passphrase is used by function %v, which is not supported"+convert, oid)
		}
	}
	for _, c := range ciphers {
		if !c.oid.Equal(params.Encryption.Algorithm) {
			continue
		}
		key, err := pbkdf2.Key(prf, string(passphrase), derivation.Salt, derivation.Iterations, c.key)
		if err != nil {
			return nil, err
		}
		block, err := c.new(key)
		if err != nil {
			return nil, err
		}
		return decryptCBC(block, params.Encryption.Parameters.Bytes, info.Data)
	}
	return nil, fmt.Errorf("the key is encrypted with cipher %v, which is not supported"+convert, params.Encryption.Algorithm)
}

// decryptCBC takes the padding of PKCS #7 off (RFC 5652, section 6.3).
func decryptCBC(block cipher.Block, iv, data []byte) ([]byte, error) {
	size := block.BlockSize()
	if len(iv) != size || len(data) == 0 || len(data)%size != 0 {
		return nil, errors.New("the encrypted key is damaged")
	}
	plain := make([]byte, len(data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, data)
	padding := int(plain[len(plain)-1])
	if padding < 1 || padding > size {
		return nil, ErrPassphrase
	}
	for _, b := range plain[len(plain)-padding:] {
		if int(b) != padding {
			return nil, ErrPassphrase
		}
	}
	return plain[:len(plain)-padding], nil
}
